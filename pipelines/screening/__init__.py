"""What a person does with screens: train, show and audit them, and heads for new policies."""
