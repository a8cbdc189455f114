"""How long and how often a member of staff may serve customers who are not in the post's scope."""

from datetime import timedelta
from typing import Final

SERVICE_LASTS: Final = timedelta(minutes=30)
# Calls and visits take some six minutes, so nobody serves three times as many customers as there is
# time for; whoever walks through the bank's customers is stopped after the first of them.
SERVICES_MAX: Final = 30
SERVICES_COUNTED_FOR: Final = timedelta(hours=1)
