"""What customers are credited for harm, without asking for it: decision, approval, life cycle. Pure."""
