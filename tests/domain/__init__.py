"""The domain: pure, so these tests take milliseconds."""
