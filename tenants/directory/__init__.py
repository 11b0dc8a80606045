"""What a directory says is kept, and rules make memberships of it. SCIM and sign-in speak to this."""
