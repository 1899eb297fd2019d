//! Who may use the gateway: accounts, roles, tokens, sessions, and the log of what they did.
