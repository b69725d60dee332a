// Stan's variational methods on one compiled model, for stan_methods.py.
//
//   MODEL METHOD DATA OUT SEED DRAWS
//
// METHOD is pathfinder (one path), multipath (four, importance resampled), pooled (the same four, all draws as they are), meanfield,
// fullrank, or gradient. Settings are CmdStan's defaults; DRAWS (1000 by default there) is how many draws the approximation gives.
// OUT gets what Stan writes, the standard output one line of JSON with the return code and the counts of evaluations.
// `gradient` reads points from OUT, one a line, and prints the log density with all constants, and its gradient.
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <stan/callbacks/interrupt.hpp>
#include <stan/callbacks/stream_logger.hpp>
#include <stan/callbacks/structured_writer.hpp>
#include <stan/callbacks/unique_stream_writer.hpp>
#include <stan/io/empty_var_context.hpp>
#include <stan/io/json/json_data.hpp>
#include <stan/model/model_base.hpp>
#include <stan/services/experimental/advi/fullrank.hpp>
#include <stan/services/experimental/advi/meanfield.hpp>
#include <stan/services/pathfinder/multi.hpp>
#include <stan/services/pathfinder/single.hpp>

stan::model::model_base& new_model(stan::io::var_context& data, unsigned int seed, std::ostream* messages);

namespace {

using stan::math::var;
using Points = Eigen::VectorXd;
using Vars = Eigen::Matrix<var, -1, 1>;

// A model that counts its evaluations, with gradient and without.
class Counted final : public stan::model::model_base {
  const stan::model::model_base& of;

 public:
  mutable long gradients = 0, densities = 0;

  explicit Counted(const stan::model::model_base& of) : model_base(of.num_params_r()), of(of) {}

#define COUNTED(name)                                                                                        \
  double name(Points& x, std::ostream* m) const override { return ++densities, of.name(x, m); }              \
  var name(Vars& x, std::ostream* m) const override { return ++gradients, of.name(x, m); }                   \
  double name(std::vector<double>& x, std::vector<int>& i, std::ostream* m) const override {                 \
    return ++densities, of.name(x, i, m);                                                                    \
  }                                                                                                          \
  var name(std::vector<var>& x, std::vector<int>& i, std::ostream* m) const override {                       \
    return ++gradients, of.name(x, i, m);                                                                    \
  }
  COUNTED(log_prob)
  COUNTED(log_prob_jacobian)
  COUNTED(log_prob_propto)
  COUNTED(log_prob_propto_jacobian)
#undef COUNTED
  using model_base::log_prob;

  std::string model_name() const override { return of.model_name(); }
  std::vector<std::string> model_compile_info() const override { return of.model_compile_info(); }
  void get_param_names(std::vector<std::string>& n, bool t, bool g) const override { of.get_param_names(n, t, g); }
  void get_dims(std::vector<std::vector<size_t>>& d, bool t, bool g) const override { of.get_dims(d, t, g); }
  void constrained_param_names(std::vector<std::string>& n, bool t, bool g) const override {
    of.constrained_param_names(n, t, g);
  }
  void unconstrained_param_names(std::vector<std::string>& n, bool t, bool g) const override {
    of.unconstrained_param_names(n, t, g);
  }
  void transform_inits(const stan::io::var_context& c, Points& x, std::ostream* m) const override {
    of.transform_inits(c, x, m);
  }
  void transform_inits(const stan::io::var_context& c, std::vector<int>& i, std::vector<double>& x,
                       std::ostream* m) const override {
    of.transform_inits(c, i, x, m);
  }
  void write_array(stan::rng_t& r, Points& x, Points& y, bool t, bool g, std::ostream* m) const override {
    of.write_array(r, x, y, t, g, m);
  }
  void write_array(stan::rng_t& r, std::vector<double>& x, std::vector<int>& i, std::vector<double>& y, bool t, bool g,
                   std::ostream* m) const override {
    of.write_array(r, x, i, y, t, g, m);
  }
  void unconstrain_array(const Points& y, Points& x, std::ostream* m) const override { of.unconstrain_array(y, x, m); }
  void unconstrain_array(const std::vector<double>& y, std::vector<double>& x, std::ostream* m) const override {
    of.unconstrain_array(y, x, m);
  }
};

void print_gradients(const stan::model::model_base& model, const std::string& points) {
  std::ifstream in(points);
  std::cout.precision(17);
  for (std::string line; std::getline(in, line);) {
    std::istringstream numbers(line);
    Points x(model.num_params_r()), gradient;
    for (double& entry : x) numbers >> entry;
    std::cout << stan::model::log_prob_grad<false, true>(model, x, gradient);
    for (double entry : gradient) std::cout << ' ' << entry;
    std::cout << '\n';
  }
}

}  // namespace

int main(int, char** argv) {
  const std::string method = argv[1];
  std::ifstream file(argv[2]);
  stan::json::json_data data(file);
  const unsigned int seed = std::stoul(argv[4]);
  const int draws = std::stoi(argv[5]);
  std::unique_ptr<stan::model::model_base> plain(&new_model(data, seed, &std::cerr));
  Counted counted(*plain);
  if (method == "gradient") return print_gradients(counted, argv[3]), 0;
  stan::model::model_base& model = counted;

  auto out = std::make_unique<std::ofstream>(argv[3]);
  out->precision(12);
  stan::callbacks::unique_stream_writer<std::ofstream> writer(std::move(out), "# ");
  stan::callbacks::writer none;
  stan::callbacks::structured_writer nothing;
  stan::callbacks::interrupt interrupt;
  stan::callbacks::stream_logger logger(std::cerr, std::cerr, std::cerr, std::cerr, std::cerr);
  stan::io::empty_var_context anywhere;

  const double radius = 2;
  const unsigned int id = 1;
  int code = 1;
  if (method == "meanfield" || method == "fullrank") {
    using namespace stan::services::experimental::advi;
    const int gradient_draws = 1, elbo_draws = 100, most = 10000, adaptation = 50, every = 100;
    const double tolerance = 0.01, rate = 1;
    if (method == "meanfield")
      code = meanfield(model, anywhere, seed, id, radius, gradient_draws, elbo_draws, most, tolerance, rate, true, adaptation,
                       every, draws, interrupt, logger, none, writer, none);
    else
      code = fullrank(model, anywhere, seed, id, radius, gradient_draws, elbo_draws, most, tolerance, rate, true, adaptation,
                      every, draws, interrupt, logger, none, writer, none);
  } else {
    using namespace stan::services::pathfinder;
    const int history = 5, most = 1000, elbo_draws = 25, refresh = 0, paths = 4;
    if (method == "pathfinder") {
      code = pathfinder_lbfgs_single(model, anywhere, seed, id, radius, history, 0.001, 1e-12, 1e4, 1e-8, 1e7, 1e-8, most,
                                     elbo_draws, draws, false, refresh, interrupt, logger, none, writer, nothing);
    } else if (method == "multipath" || method == "pooled") {
      std::vector<std::unique_ptr<stan::io::var_context>> starts;
      for (int path = 0; path < paths; ++path) starts.push_back(std::make_unique<stan::io::empty_var_context>());
      std::vector<stan::callbacks::writer> writers(paths), starters(paths);
      std::vector<stan::callbacks::structured_writer> records(paths);
      code = pathfinder_lbfgs_multi(model, starts, seed, id, radius, history, 0.001, 1e-12, 1e4, 1e-8, 1e7, 1e-8, most,
                                    elbo_draws, draws, draws, paths, false, refresh, interrupt, logger, starters, writers,
                                    records, writer, nothing, true, method == "multipath");
    }
  }
  std::cout << "{\"code\": " << code << ", \"gradients\": " << counted.gradients << ", \"densities\": " << counted.densities << "}\n";
}
