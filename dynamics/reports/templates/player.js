
// Animations that can be paused, moved through and, where less motion is asked for, begin paused. Data inside the page
// are unpacked here, so that a paused one keeps the frame it shows; of linked ones a page may not read the frames.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const EVERY = 10; // frames from one that is kept to the next
  const films = [];

  const element = (name, properties) => Object.assign(document.createElement(name), properties);

  // A GIF with one palette whose frames stay in place; null for any other.
  function read(uri) {
    const text = atob(uri.slice(uri.indexOf(",") + 1));
    const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0));
    const word = at => bytes[at] | bytes[at + 1] << 8;
    if (text.slice(0, 4) !== "GIF8" || !(bytes[10] & 128)) return null;
    const colours = new Uint32Array(256), count = 2 << (bytes[10] & 7), frames = [];
    for (let k = 0, at = 13; k < count; k++, at += 3)
      colours[k] = (255 << 24 | bytes[at + 2] << 16 | bytes[at + 1] << 8 | bytes[at]) >>> 0;
    let delay = 0, clear = -1;
    for (let at = 13 + 3 * count; at < bytes.length && bytes[at] !== 0x3b;) {
      if (bytes[at] === 0x21) {
        if (bytes[at + 1] === 0xf9) {
          if ((bytes[at + 3] >> 2 & 7) > 1) return null;
          [delay, clear] = [10 * word(at + 4), bytes[at + 3] & 1 ? bytes[at + 6] : -1];
        }
        at += 2;
      } else if (bytes[at] === 0x2c && bytes[at + 9] === 0) {
        const [left, top, width, height] = [word(at + 1), word(at + 3), word(at + 5), word(at + 7)];
        frames.push({ left, top, width, height, delay, clear, at: at + 10 });
        at += 11;
      } else return null;
      while (bytes[at]) at += bytes[at] + 1;
      at++;
    }
    return frames.length ? { bytes, colours, frames, width: word(6), height: word(8) } : null;
  }

  // A frame's indices, as LZW has packed them from bytes[at] on.
  function unpack(bytes, at, out) {
    const before = new Uint16Array(4096), last = new Uint8Array(4096), length = new Uint16Array(4096);
    const least = bytes[at++], clear = 1 << least, end = clear + 1;
    for (let k = 0; k < clear; k++) [last[k], length[k]] = [k, 1];
    let bits = least + 1, next = end + 1, previous = -1, first = 0, held = 0, count = 0, block = 0, place = 0;
    for (;;) {
      while (count < bits) {
        if (!block && !(block = bytes[at++])) return;
        held |= bytes[at++] << count;
        count += 8;
        block--;
      }
      const code = held & (1 << bits) - 1;
      held >>>= bits;
      count -= bits;
      if (code === end) return;
      if (code === clear) {
        [bits, next, previous] = [least + 1, end + 1, -1];
        continue;
      }
      const known = code < next, size = known ? length[code] : length[previous] + 1;
      let from = known ? code : previous, to = place + length[from];
      while (to > place) {
        out[--to] = last[from];
        from = before[from];
      }
      first = out[place];
      if (!known) out[place + size - 1] = first;
      if (previous >= 0 && next < 4096) {
        before[next] = previous;
        last[next] = first;
        length[next] = length[previous] + 1;
        if (++next === 1 << bits && bits < 12) bits++;
      }
      previous = code;
      place += size;
    }
  }

  // A GIF on a canvas: any frame, of which every tenth is kept to go back from.
  class Screen {
    constructor(gif, canvas) {
      Object.assign(this, gif);
      this.pen = canvas.getContext("2d");
      this.image = this.pen.createImageData(this.width, this.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.shown = new Uint8Array(this.width * this.height);
      this.box = new Uint8Array(this.width * this.height);
      this.kept = [];
      this.number = -1;
    }

    show(number) {
      if (number < this.number) {
        this.number = Math.floor(number / EVERY) * EVERY;
        this.shown.set(this.kept[this.number / EVERY]);
        this.shown.forEach((index, at) => { this.pixels[at] = this.colours[index]; });
      }
      while (this.number < number) this.step();
      this.pen.putImageData(this.image, 0, 0);
    }

    step() {
      const { left, top, width, height, clear, at } = this.frames[++this.number];
      unpack(this.bytes, at, this.box);
      for (let row = 0, from = 0; row < height; row++) {
        for (let to = (top + row) * this.width + left, stop = to + width; to < stop; to++, from++) {
          const index = this.box[from];
          if (index === clear) continue;
          this.shown[to] = index;
          this.pixels[to] = this.colours[index];
        }
      }
      if (this.number % EVERY === 0 && !this.kept[this.number / EVERY])
        this.kept[this.number / EVERY] = this.shown.slice();
    }
  }

  // What all have: a button, and whether it plays.
  class Film {
    constructor(image, stopping) {
      Object.assign(this, { image, stopping, playing: !calm });
      this.controls = element("div", { className: "controls" });
      this.controls.setAttribute("role", "group");
      this.controls.setAttribute("aria-label", image.alt);
      this.button = element("button", { type: "button" });
      this.button.addEventListener("click", () => this.play(!this.playing));
      this.controls.append(this.button);
      image.closest(".screen").after(this.controls);
      films.push(this);
    }

    play(playing) {
      this.playing = playing;
      this.button.textContent = playing ? this.stopping : "Play";
      this.change();
      tell();
    }
  }

  // Data inside the page: it is unpacked when it is first in view.
  class Inside extends Film {
    constructor(image) {
      super(image, "Pause");
      this.slider = element("input", { type: "range", min: 0, max: 0, value: 0, disabled: true });
      this.slider.setAttribute("aria-label", "Frame");
      this.slider.addEventListener("input", () => {
        this.play(false);
        this.show(+this.slider.value);
      });
      this.controls.append(this.slider);
      this.watch = new IntersectionObserver(entries => {
        this.seen = entries.at(-1).isIntersecting;
        if (this.seen && !this.screen) this.open();
        this.change();
      }, { rootMargin: "200px" });
      this.watch.observe(image.closest(".screen"));
      this.play(this.playing);
    }

    open() {
      const gif = read(this.image.src);
      if (!gif) { // a GIF of another kind is stopped as a linked one is
        this.watch.disconnect();
        this.controls.remove();
        films.splice(films.indexOf(this), 1);
        new Linked(this.image, this.playing);
        return;
      }
      const canvas = element("canvas", { width: gif.width, height: gif.height, className: "film" });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", this.image.alt);
      if (this.image.closest(".side")) // a smaller copy takes as much room
        Object.assign(canvas.style, { width: "100%", maxWidth: `min(100%, ${this.image.getAttribute("width")}px)` });
      canvas.addEventListener("click", () => this.play(!this.playing));
      this.screen = new Screen(gif, canvas);
      this.image.replaceWith(canvas);
      this.slider.max = gif.frames.length - 1;
      this.slider.disabled = false;
      this.show(this.playing ? 0 : gif.frames.length - 1);
    }

    show(number) {
      this.screen.show(number);
      this.slider.value = number;
      this.slider.setAttribute("aria-valuetext", `${number + 1} of ${this.screen.frames.length}`);
    }

    change() {
      if (!this.screen || !this.playing || !this.seen || this.running) return;
      let due = performance.now() + this.screen.frames[this.screen.number].delay;
      const tick = now => {
        this.running = this.playing && this.seen;
        if (!this.running) return;
        if (now >= due) {
          this.show((this.screen.number + 1) % this.screen.frames.length);
          due = Math.max(due + this.screen.frames[this.screen.number].delay, now); // a slow machine plays slowly
        }
        requestAnimationFrame(tick);
      };
      this.running = true;
      requestAnimationFrame(tick);
    }
  }

  // A file beside the page: stopped, it shows its last frame if the page has that, else its first.
  class Linked extends Film {
    constructor(image, playing = !calm) {
      super(image, "Stop");
      this.still = image.dataset.film ? image.src : null;
      image.addEventListener("load", () => this.change());
      image.addEventListener("error", () => {
        if (this.still) this.play(false);
        this.button.disabled = true;
        this.button.textContent = "The animation is not beside this page";
      });
      this.play(playing && !this.still); // nothing is loaded before it is asked for
    }

    change() {
      const { image } = this;
      if (this.still) {
        const source = this.playing ? image.dataset.film : this.still;
        if (image.getAttribute("src") !== source) image.src = source; // each time it is set it is loaded
      } else if (!this.playing && image.complete && image.naturalWidth && !this.frozen) {
        this.frozen = element("canvas", { width: image.naturalWidth, height: image.naturalHeight, className: "film" });
        this.frozen.setAttribute("role", "img");
        this.frozen.setAttribute("aria-label", image.alt);
        this.frozen.getContext("2d").drawImage(image, 0, 0);
        image.replaceWith(this.frozen);
      } else if (this.playing && this.frozen) {
        this.frozen.replaceWith(image);
        this.frozen = null;
      }
    }
  }

  const all = element("button", { type: "button" });
  function tell() {
    all.textContent = films.some(film => film.playing) ? "Pause all animations" : "Play all animations";
  }
  all.addEventListener("click", () => {
    const playing = !films.some(film => film.playing);
    films.forEach(film => film.play(playing));
  });

  for (const image of document.querySelectorAll("img.film"))
    image.src.startsWith("data:image/gif") ? new Inside(image) : new Linked(image);
  if (films.length > 1) document.querySelector("header").append(all);
})();
