"""What can be asked of a GAN's training: types, limits and help, declared once; presets; budgets.

Free of torch; imports base.
"""
