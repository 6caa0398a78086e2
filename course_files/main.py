"""The doors: `python main.py course` runs the five files beside this one, all else is the package's command line.

python main.py course --mode mixture_4 --d-steps 1      trains with GAN.py, sample.py, train.py and plotting.py,
                                                        with whatever you changed in them, and leaves their plots
python main.py --help                                   says what the package does, and the course files do not
"""

import sys
from pathlib import Path


def course(
    mode: str = "gaussian", d_steps: int = 2, steps: int = 10000, plot_every: int = 1000, **width: float
) -> None:
    """Carry out the assignment once: train, and leave frames/, losses.png, a film and a page of frames where you are.

    `width` is std or variance of the real data. Raises ``ValueError`` for what there is not, before training.
    """
    import torch

    from plotting import make_video, plot_losses, show_gan_training_grid
    from sample import sample_real_data
    from train import train_gan

    torch.manual_seed(0)  # the same numbers, and so the same result, every time
    sample_real_data(1, mode, **width)  # asks whether there is such data
    if not 1 <= plot_every <= steps:
        raise ValueError(f"--plot-every must be between 1 and --steps, {steps}, not {plot_every}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for old in Path("frames").glob("frame_*.png"):  # of an earlier run, whose film this is not
        old.unlink()
    losses = train_gan(device, steps, plot_every=plot_every, mode=mode, d_steps=d_steps, **width)
    for picture in (plot_losses(losses, plot_every), make_video(), show_gan_training_grid()):
        print(picture)


def course_options(words: list[str]) -> dict[str, str | int | float]:
    """The options after `course`, as the arguments of that function."""
    import argparse

    parser = argparse.ArgumentParser(
        "main.py course", description="Train with the five files beside main.py.", argument_default=argparse.SUPPRESS
    )
    parser.add_argument("--mode", help="the real data: gaussian (default), mixture, mixture_4, or one of the package's")
    parser.add_argument("--d-steps", type=int, help="steps of D before each step of G (2)")
    parser.add_argument("--steps", type=int, help="steps of G (10000)")
    parser.add_argument("--plot-every", type=int, help="steps from one frame to the next (1000)")
    width = parser.add_mutually_exclusive_group()
    width.add_argument("--std", type=float, help="standard deviation of the real data's Gaussians")
    width.add_argument("--variance", type=float, help="its square")
    return vars(parser.parse_args(words))


if __name__ == "__main__":
    if sys.argv[1:2] != ["course"]:
        from dynamics.cli.app import program

        sys.exit(program())
    try:
        course(**course_options(sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
