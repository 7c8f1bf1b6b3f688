"""A migration judged afterwards, on stores that the new application already writes to; nothing is written there."""
