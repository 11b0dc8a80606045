"""Notifications by e-mail: who gets which kind when, letters that leave once, and leaving them off."""
