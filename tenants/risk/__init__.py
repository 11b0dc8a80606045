"""How risky a use case or a model is: questions and rules as data, with what each rule means in known frameworks."""
