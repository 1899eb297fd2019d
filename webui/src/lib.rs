//! The web pages, built from TypeScript and embedded.
