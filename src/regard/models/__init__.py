"""Networks: built, pre-trained and trained, what they achieve, and which cases are explained."""
