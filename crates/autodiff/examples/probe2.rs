//! what vectorises
use probity_autodiff::*;
use probity_autodiff::simd::*;
struct K<'a>(&'a [f32], &'a mut [f32], u8);
impl Kernel for K<'_> { type Output = ();
 #[inline(always)] fn run(self) { let (a,b)=(self.0,self.1); match self.2 {
   0 => for (a,b) in a.iter().zip(b) { *b = F32(*a).exp().0 },
   1 => for (a,b) in a.iter().zip(b) { *b = F32(*a).ln().0 },
   2 => for (a,b) in a.iter().zip(b) { *b = F32(*a).ln_1p().0 },
   3 => for (a,b) in a.iter().zip(b) { *b = F32(*a).softplus().0 },
   4 => for (a,b) in a.iter().zip(b) { let s=F32(*a).softplus(); *b = ((s*s)*0.5 - s.ln() - 0.5).0 },
   5 => for (a,b) in a.iter().zip(b) { *b = F32(*a).sigmoid().0 },
   6 => for (a,b) in a.iter().zip(b) { *b = Dual::<F32,2>::variable(F32(*a),0).softplus().du[0].0 },
   7 => for (a,b) in a.iter().zip(b) { *b = F32(*a).abs().0 },
   8 => for (a,b) in a.iter().zip(b) { *b = F32(*a).max(F32(0.0)).0 },
   _ => for (a,b) in a.iter().zip(b) { *b = F32(*a).tanh().0 },
 }}}
fn main(){ let a:Vec<f32>=(0..16384).map(|i|(i as f32*0.37).sin()+1.01).collect(); let mut b=a.clone();
 for k in 0..10 { let mut best=f64::MAX; for _ in 0..50 { let t=std::time::Instant::now(); dispatch(K(&a,&mut b,k)); best=best.min(t.elapsed().as_secs_f64()); } println!("{k} {:.3} ns", best*1e9/16384.0); } }
