"""Why somebody was told or asked, or was not: explains one message, one household, or one local firm."""
