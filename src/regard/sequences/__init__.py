"""Sequences: a log as packed arrays, the views and splits that keep tomorrow out of training, questions, batches and counts.

Everything here is NumPy on plain arrays; it knows events only by their schema and models not at all.
"""

from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.split import held_out, leave_one_out, time_split
from regard.sequences.view import Content, Split, View
from regard.sequences.vocabulary import Vocabulary

__all__ = ["Content", "Log", "Ragged", "Split", "View", "Vocabulary", "held_out", "leave_one_out", "time_split"]
