/* A program that has a model and no compiler. Scores of a classifier add up to one. */
#include "small.h"

#include <math.h>
#include <stdio.h>

int main(void) {
  static float pixels[3 * 8 * 8], scores[5];
  for (int i = 0; i < 3 * 8 * 8; ++i)
    pixels[i] = (float)(i % 11) / 11;
  const void* inputs[] = {pixels};
  void* outputs[] = {scores};
  const size_t input_bytes = sizeof pixels, output_bytes = sizeof scores;
  small_context* context = NULL;
  if (small_create(NULL, &context) != SINTER_OK ||
      small_run(context, inputs, &input_bytes, outputs, &output_bytes) != SINTER_OK) {
    fprintf(stderr, "%s\n", small_error());
    return 1;
  }
  small_destroy(context);
  float sum = 0;
  for (int i = 0; i < 5; ++i)
    sum += scores[i];
  printf("%g\n", sum);
  return fabsf(sum - 1) < 1e-5F ? 0 : 1;
}
