"""Parts of the page that a customer follows their ticket by."""
