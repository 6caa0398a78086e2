"""Arrays in, figures out.

Free of torch, but for a moment's field, whose networks are looked at anew; imports base to runner.
"""
