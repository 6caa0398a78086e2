"""What any program of this kind needs: random numbers, statistics, whole files, interrupts, progress, processes.

Free of torch; knows nothing of GANs; imports nothing of the project.
"""
