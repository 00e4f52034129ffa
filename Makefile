# For those who type make. Everything is in ./dev, which needs no make.
.PHONY: build demo test check bench clean
build demo test check bench clean:
	@./dev $@
