//! Names and labels of the rows and columns of sites.

use super::Scope;
use crate::dims::{Dimension, misfit};
use crate::error::{Error, Result};
use probity_autodiff::Scalar;

impl<T: Scalar> Scope<'_, T> {
    /// Gives the places of a dimension their labels: names of counties, numbers of years. Sites get
    /// the dimension by [`dims`](Scope::dims), before or after it is declared.
    ///
    /// Names and labels are read in the first run of a model and stand in its site table: they cost
    /// nothing after that.
    ///
    /// ```
    /// use probity_distributions::{Distribution, Normal};
    /// use probity_vi::{Scope, fit};
    ///
    /// let (counties, county) = (["Aitkin", "Anoka", "Becker"], [0, 0, 1, 2, 2]);
    /// let posterior = fit(|s: &mut Scope| {
    ///     s.coords("county", counties)?;
    ///     let alpha = s.dims(["county"]).sample("alpha", Normal::new(0.0, 1.0).rows(3))?;
    ///     let mean = s.gather(alpha, &county)?;
    ///     s.observe("radon", Normal::new(mean, 0.5), &[1.2, 0.9, 0.3, 0.8, 1.1])
    /// })?;
    /// assert_eq!(posterior.summary()?.rows[0].name, "alpha[county=Aitkin]");
    /// # Ok::<(), probity_vi::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension has been declared with other labels, or a site that has it has another
    /// number of places along it.
    pub fn coords<L: ToString>(&mut self, name: &str, labels: impl IntoIterator<Item = L>) -> Result {
        let done = self.declare(name, labels.into_iter().map(|label| label.to_string()));
        self.noted(done)
    }

    /// Names the dimensions of the next site: that of a row or a column of numbers, or those of the
    /// rows and of the columns of a matrix. `s.dims(["county"]).sample("alpha", ..)`, or as a
    /// statement before it, where the arguments of `sample` need the scope (`s.data(..)`).
    ///
    /// # Errors
    /// The next site reports it if its shape does not have these dimensions, or not as many places
    /// along one as it has [labels](Scope::coords).
    pub fn dims<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> &mut Self {
        if self.discovering {
            self.next_dims = names.into_iter().map(str::to_owned).collect();
        }
        self
    }

    fn declare(&mut self, name: &str, labels: impl Iterator<Item = String>) -> Result {
        if !self.discovering {
            return Ok(());
        }
        let own = Dimension { name: name.to_owned(), coords: labels.collect() };
        if self.declared.iter().any(|d| d.name == name && *d != own) {
            let problem = format!("dimension {name:?} has other labels already");
            return Err(Error::Setting { setting: "coords", problem });
        }
        for site in &mut self.layout.sites {
            site.dims.iter_mut().filter(|d| d.name == name).for_each(|d| d.coords.clone_from(&own.coords));
            if let Some(problem) = misfit(site.shape, &site.dims) {
                return Err(Error::SiteShape { site: site.name.clone(), problem });
            }
        }
        self.declared.push(own);
        Ok(())
    }

    /// The dimensions of the next site, which has this shape.
    pub(super) fn take_dims(&mut self, site: &str, shape: (usize, usize)) -> Result<Vec<Dimension>> {
        let names = std::mem::take(&mut self.next_dims);
        let find = |name: String| match self.declared.iter().find(|d| d.name == name) {
            Some(known) => known.clone(),
            None => Dimension { name, coords: Vec::new() },
        };
        let dims: Vec<Dimension> = names.into_iter().map(find).collect();
        match misfit(shape, &dims) {
            Some(problem) => Err(Error::SiteShape { site: site.to_owned(), problem }),
            None => Ok(dims),
        }
    }
}
