"""Tables, comparisons, sentences and pages made from a run folder.

Free of torch; imports base to pictures.
"""
