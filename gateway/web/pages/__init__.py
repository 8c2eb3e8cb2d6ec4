"""The pages behind signed links: customer, technician, provider."""
