"""``linli edge doctor``: is this device ready to be left alone, and if not, what is to be done.

Every check is a function that returns `Finding`s and raises nothing for what it may find.
"""

from edge.doctor.examine import Doctor
from edge.doctor.finding import Finding, Verdict

__all__ = ["Doctor", "Finding", "Verdict"]
