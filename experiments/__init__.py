"""Named studies, a file each: what is asked, and the grid that answers it. Imported when named."""

# name -> what it asks, in a line; experiments/NAME.py holds STUDY, and may hold
# parts(results): see dynamics/studies.py
STUDIES: dict[str, str] = {
    "homework": "the assignment: four targets, each at two and at one discriminator steps, eight seeds",
    "methods": "every loss, penalty, update rule and remedy beside one baseline, on mixture_4 and ring_8",
    "ratios": "mixture_4, tight and wide, at 1, 2 and 5 discriminator steps",
    "spectrum": "a game that circles: the period that its linearised rounds predict, and the one measured",
    "wasserstein": "the critic's slope: D alone, G alone and both, clipped, penalised and standard",
}
