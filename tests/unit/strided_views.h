// Random tensors in every layout that eager kernels must take, and their elements read one by one.
#pragma once

#include "sinter/runtime/view.h"

#include <limits>
#include <memory>
#include <random>
#include <vector>

namespace sinter::test {

/// How the elements of a tensor lie in memory.
enum class Layout { dense, transposed, padded, reversed, repeated };
inline constexpr Layout kLayouts[] = {Layout::dense, Layout::transposed, Layout::padded, Layout::reversed,
                                      Layout::repeated};
/// Those that a result may have.
inline constexpr Layout kResultLayouts[] = {Layout::dense, Layout::transposed, Layout::padded,
                                            Layout::reversed};

/// A tensor and the view of it. `repeated` gives the first dimension stride 0.
template <class T>
class Strided {
public:
  Strided(const Shape& shape, Layout layout) {
    view_ = View::dense(nullptr, dtype_of<T>, shape);
    const int rank = shape.rank();
    int64_t step = layout == Layout::padded ? 3 : 1;
    for (int i = 0; i < rank; ++i) {
      const int d = layout == Layout::transposed ? i : rank - 1 - i;
      view_.strides[d] = step;
      step *= shape[d] + (layout == Layout::padded ? 1 : 0);
    }
    elements_ = static_cast<std::size_t>(step > 0 ? step : 1);
    storage_ = std::make_unique<T[]>(elements_);
    int64_t first = 0;
    for (int d = 0; d < rank; ++d)
      if (layout == Layout::reversed && shape[d] > 0) {
        first += view_.strides[d] * (shape[d] - 1);
        view_.strides[d] = -view_.strides[d];
      }
    if (layout == Layout::repeated && rank > 0)
      view_.strides[0] = 0;
    view_.data = storage_.get() + first;
  }

  const View& view() const { return view_; }

  template <class F>
  void fill(F&& next) {
    for (std::size_t i = 0; i < elements_; ++i)
      storage_[i] = static_cast<T>(next());
  }

private:
  std::unique_ptr<T[]> storage_;
  std::size_t elements_;
  View view_;
};

/// The elements of a view in row-major order.
template <class T>
std::vector<T> elements_of(const View& view) {
  std::vector<T> elements;
  for_each_offset(view.shape, std::array<Shape, 1>{view.strides},
                  [&](const auto& at) { elements.push_back(view.as<const T>()[at[0]]); });
  return elements;
}

/// Numbers around zero, with a zero, an infinity, a NaN or an extreme integer now and then.
template <class T>
class Numbers {
public:
  explicit Numbers(unsigned seed, bool special = true) : engine_(seed), special_(special) {}
  T operator()() {
    const unsigned dice = engine_() % 64;
    if (special_ && dice < 4)
      return special(dice);
    if constexpr (std::is_same_v<T, bool>)
      return dice % 2 == 0;
    else if constexpr (std::is_floating_point_v<T>)
      return std::uniform_real_distribution<T>(-4, 4)(engine_);
    else
      return static_cast<T>(static_cast<int>(engine_() % 21) - 10);
  }

private:
  T special(unsigned which) {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_same_v<T, bool>)
      return which % 2 == 0;
    else if constexpr (Limits::has_infinity)
      return std::array{T(0), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}[which];
    else
      return std::array{T(0), Limits::max(), Limits::min(), static_cast<T>(-1)}[which];
  }

  std::mt19937 engine_;
  bool special_;
};

} // namespace sinter::test
