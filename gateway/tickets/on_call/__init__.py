"""Who on call is paged about what, until somebody acknowledges: ladder, life cycle, pages. Pure."""
