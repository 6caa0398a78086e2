"""The run folder and its checkpoints: names, arrays, tables; hostile input ends here.

Free of torch; imports base and settings; does not know what a GAN is.
"""
