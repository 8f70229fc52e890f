"""Mutation testing of `specbus verify`: of the service's machine-made defects, how many does it find?

`tools/dev mutation` makes hundreds of mutants of the service, each with one change of one line (`operators`), leaves
out those that no client could see (`rules`), draws a sample, and runs `specbus verify` against a server of each
(`judge`), which loads one module in its changed form (`serve`). Nothing is written into the package.

mutmut and cosmic-ray, the tools that there are, write mutants to files and run a suite of unit tests in the mutated
process. Here it is the other way round: the tests are well, and the process that they talk to is not.
"""
