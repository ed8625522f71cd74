"""Jobs: work that takes longer than an answer may, in a process of its own, so that no answer waits for it.

A job is kept in catalog.sqlite and outlives the server that ran it.
"""

from regard.serving.jobs.book import Book, Job
from regard.serving.jobs.kinds import KINDS
from regard.serving.jobs.runner import Jobs, Settings

__all__ = ["KINDS", "Book", "Job", "Jobs", "Settings"]
