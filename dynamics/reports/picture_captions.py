"""What a report says of each sort of picture."""

# file -> heading, what it shows, what to look at
KINDS = {
    "density.gif": (
        "Density during training",
        "Generated samples against the real density, animated over training",
        "One seed, that of median final JSD unless another was asked for. Lines: the real density; red: the generated"
        " one, full colour at the real peak; below: losses and JSD. Look for contours that stay empty and for mass"
        " between them.",
    ),
    "frames.png": (
        "Moments of training",
        "Generated samples against the real density at several generator steps",
        "The same seed at some of its steps, in reading order. Look for when a mode is won or lost.",
    ),
    "losses.png": (
        "Losses",
        "Losses of D and of G, and the mean probabilities D(x) and D(G(z)), against generator steps",
        "Median of the seeds, band: their middle half. Lines, where drawn: the losses at equilibrium, dashed, and D(x)"
        " there. D(x) and D(G(z)) that meet say that D no longer tells real from generated, not that G is right:"
        " compare the scores.",
    ),
    "scores.png": (
        "Discriminator, gradients and distances",
        "Scores measured on request, against generator steps",
        "Median of the seeds, band: their middle half. A falling loss of G means a better generator where the part"
        " against the best D falls; the part due to D's imperfection says how far D is from the best one.",
    ),
}
REQUESTED = "scores.png"  # is there where such scores are
CURVES = (
    "Scores against steps, updates and seconds",
    "Scores over training, against generator steps, updates of both players and seconds",
    "Median of the seeds, band: their middle half; dashed: a perfect generator. The same curves on three clocks: which"
    " setting is ahead can depend on what is counted. Seconds are those of training one GAN, without looking at it.",
)
COMPARISONS = {
    "comparison.gif": "Generated samples against the real density, every setting on one clock, animated",
    "comparison.png": "All settings: final samples against the real density, and scores with intervals",
    "many": "All settings: scores with intervals",  # the same file
}
