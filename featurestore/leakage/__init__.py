"""The leak detector: are values what they would be if the future were not there?"""
