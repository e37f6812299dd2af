"""Which crops to return: rules, candidates, their worth, sets that differ, and the facts about each crop."""
