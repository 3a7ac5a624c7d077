"""Small GANs on sets whose modes are known: how many of them does an adversarial loss find?"""
