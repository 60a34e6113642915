"""The clients' pages: what a member may see of their accounts, and the form for asking for a flow."""
