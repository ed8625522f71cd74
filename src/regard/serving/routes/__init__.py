"""Routes: one module a subject, each with a `router`; the application includes them all."""
