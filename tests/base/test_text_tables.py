import pytest

from dynamics.base.text_tables import aligned


def test_columns_are_as_wide_as_their_widest_cell():
    assert aligned([["", "a", "b"], ["long", "1", ""], ["x", "22", "3"]]) == "      a   b\nlong  1\nx     22  3"


def test_titles_stand_above_their_lines_and_widen_nothing():
    lines = [["name", "value"], ["a", "1"], ["b", "2"]]
    assert aligned(lines, {1: "a title that is wide"}) == "name  value\na title that is wide\na     1\nb     2"


def test_lines_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        aligned([["a", "b"], ["c"]])
