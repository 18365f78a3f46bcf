"""What the tests would not notice: changes of the rules of the domain that no quick test objects to. `make mutants`."""
