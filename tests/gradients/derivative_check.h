// A program of the dialect, and whether its derivatives are right.
#pragma once

#include "case.h"
#include "comparison.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace sinter::gradients {

/// A program with values for all its arguments.
struct Program {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<differential::Buffer> inputs;

  /// What @main gives, by the interpreter.
  std::vector<differential::Buffer> run() const;
  Program clone() const;
  std::size_t length() const;
};

/// `buffers` with f64 in the place of f32.
std::vector<differential::Buffer> inDoublePrecision(const std::vector<differential::Buffer>& buffers);

/// Checks the derivatives of `program` by all its arguments of floats, in random directions.
class DerivativeCheck {
public:
  enum class Verdict : uint8_t {
    right,
    modes_disagree,
    unlike_differences, ///< or so close to a kink that it looks like a slope
    kink, ///< there is no derivative within a step of differences, or no number to differentiate; what does
          ///< not need differences is right
  };

  /// `random` gives directions.
  DerivativeCheck(const Program& program, differential::Case& random);

  /// False where no argument or no result is of floats, or one of either has no elements.
  bool hasDerivative() const;

  /// Reverse mode against central differences, and against forward mode. With `atTies`, arguments may lie
  /// where there is no derivative: differences are not asked.
  Verdict run(bool atTies);
  /// What is wrong, if anything is.
  const std::string& problem() const { return problem_; }

  /// The program that computes the cotangents of the arguments beside the results: what was checked, with
  /// values for its further arguments, too.
  Program& reverse() { return reverse_; }
  /// The same of the program in f32, with the same values, rounded. Once reverse() has been made.
  Program reverseInSinglePrecision() const;

private:
  using Vector = std::vector<double>; // the elements of several tensors, one after the other

  Vector random(const std::vector<View>& like);
  std::vector<View> floats(const std::vector<differential::Buffer>& buffers) const;
  double along(const Vector& direction, double step);
  double difference(const Vector& direction, double step);

  const Program& program_;
  differential::Case& case_;
  Program reverse_;
  std::vector<int64_t> variables_; // arguments of floats
  Vector cotangents_;
  std::string problem_;
};

} // namespace sinter::gradients
