"""A simulator of the GAN game in the plane: many small GANs trained as one batch, measured against a known density."""
