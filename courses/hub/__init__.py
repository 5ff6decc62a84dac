"""What the hub's own process imports of the courses."""

from courses.hub.accounts import AccountsAuthenticator
from courses.hub.terms import StoreTerms

__all__ = ["AccountsAuthenticator", "StoreTerms"]
