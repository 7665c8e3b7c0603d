"""The only room that speaks HTTP as a server: middleware, metadata, browser login and pages."""
