"""The doors: `python main.py course` runs the five files beside this one, all else is the package's command line.

python main.py course --mode mixture_4 --d-steps 1      trains with GAN.py, sample.py, train.py and plotting.py,
                                                        with whatever you changed in them, and leaves their plots
python main.py --help                                   all that the package does; it does not use those files
"""

import sys
from pathlib import Path
from typing import Any


def course(mode: str = "gaussian", d_steps: int = 2, steps: int = 10000, plot_every: int = 1000, **width: Any) -> None:
    """Carry out the assignment once: train, and leave frames/, losses.png, a film and a page of frames where you are.

    `width` is std or variance of the real data.
    """
    import torch

    from plotting import make_video, plot_losses, show_gan_training_grid
    from train import train_gan

    torch.manual_seed(0)  # the same random numbers, and so the same result, every time
    for old in Path("frames").glob("frame_[0-9]*.png"):  # of an earlier run: its frames are not for this film
        old.unlink()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    losses = train_gan(device, steps, plot_every=plot_every, mode=mode, d_steps=d_steps, **width)
    for picture in (plot_losses(losses, plot_every), make_video(), show_gan_training_grid()):
        print(picture)


def course_options(words: list[str]) -> dict[str, Any]:
    """What `course` is called with, from the words of a command line; a mistake ends the program in one line."""
    import argparse

    from sample import sample_real_data

    parser = argparse.ArgumentParser("main.py course", description="Train with the five files beside main.py.")
    parser.error = lambda message: parser.exit(2, f"error: {message}\n")  # type: ignore[method-assign]
    parser.add_argument("--mode", default="gaussian", help="gaussian, mixture, mixture_4, or a mode of the package")
    parser.add_argument("--d-steps", type=int, default=2, help="steps of D before each step of G (2)")
    parser.add_argument("--steps", type=int, default=10000, help="steps of G (10000)")
    parser.add_argument("--plot-every", type=int, default=1000, help="steps from one frame to the next (1000)")
    parser.add_argument("--std", type=float, default=argparse.SUPPRESS, help="how wide the data's Gaussians are")
    parser.add_argument("--variance", type=float, default=argparse.SUPPRESS, help="the square of --std, instead of it")
    options = vars(parser.parse_args(words))
    for name, most in (("d_steps", None), ("steps", None), ("plot_every", options["steps"])):
        if options[name] < 1 or (most is not None and options[name] > most):
            allowed = "at least 1" if most is None else f"between 1 and --steps, which is {most}"
            parser.error(f"--{name.replace('_', '-')} must be {allowed}, not {options[name]}")
    try:  # is there such data?
        sample_real_data(1, options["mode"], **{name: options[name] for name in ("std", "variance") if name in options})
    except ValueError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    if sys.argv[1:2] != ["course"]:
        from dynamics.cli.app import program

        sys.exit(program())
    try:
        course(**course_options(sys.argv[2:]))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
