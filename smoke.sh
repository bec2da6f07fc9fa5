cd /work/ablate; export PYTHONPATH=/work/ablate PATH=/work/venv/bin:$PATH OMP_NUM_THREADS=1
run(){ nice -n 3 python scripts/train.py /work/main/samples --held-out 1 --max-steps 3 --threads 1 -o /tmp/smoke/x.pt --no-resume --report /tmp/smoke/r.json "$@" > /tmp/smoke/log 2>&1 && echo "ok $*: $(grep -c validation /tmp/smoke/log)" || { echo "FAIL $*"; tail -5 /tmp/smoke/log; }; }
mkdir -p /tmp/smoke
run
run --set model.context_steps=2
run --set model.learned_steps=true
run --set 'model.block="depthwise"' --set model.blocks_8=6
run --set 'model.patch_basis="klt"'
run --set 'model.patch_basis="haar"'
run --set model.klt_window=24
run --set model.stage_gains=true
run --set 'optimizer="soap"' --set learning_rate=1e-3
run --set channel_scales=true
run --set 'network="seed-article"'
