"""The languages of pages and answers, and the sentences for what the domain only names."""
