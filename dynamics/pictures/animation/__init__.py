"""What moves: panels, strips and frames as pixels, and the files that hold them.

Free of torch; imports base to runner, and pictures.
"""
