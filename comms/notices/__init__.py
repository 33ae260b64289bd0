"""What the roster has to tell people, in words: one function for each kind of notice.

Adding a kind: a module beside this one, whose functions are marked with `words_for`, imported in
`comms.apps`.
"""

from comms.notices.delivery import deliver, withdraw
from comms.notices.registry import words_for

__all__ = ["deliver", "withdraw", "words_for"]
