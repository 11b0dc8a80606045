"""What a directory says is kept, and brings about what the rules of tenants make of it. SCIM and sign-in speak to it."""
