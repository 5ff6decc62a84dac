"""The hub service: the exchange API (docs/exchange-api.md) and the pages."""
