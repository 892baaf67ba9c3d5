"""HTTP. Thin: parse, execute or query, render. The rules are in `domain`, what is read comes from `projections`.

What it needs from the program comes in through one struct, `Services`.
"""

from api.application import create_app, routes
from api.services import Accounts, Readiness, Services, Session

__all__ = ["Accounts", "Readiness", "Services", "Session", "create_app", "routes"]
