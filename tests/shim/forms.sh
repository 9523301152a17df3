# The forms of the shim, as programs meet them. Sourced; needs `build` (the build folder) and `folder` (one to write in).
#
#   form_run none|preload|replace COMMAND...    with a fresh simulated GPU and fresh books in $folder
#   form_keep none|preload|replace COMMAND...   the same, with those of the run before
form_keep()
{
	form=$1
	shift
	case $form in
	none) env FAKE_GPU="$folder/gpu" "$@" ;;
	preload) env FAKE_GPU="$folder/gpu" CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/region" \
		LD_PRELOAD="$build/lib/lib${shim:-reeve-shim}.so" "$@" ;;
	replace) env FAKE_GPU="$folder/gpu" CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/region" \
		REEVE_SHIM_DRIVER="$build/fake/libcuda.so.1" REEVE_SHIM_NVML="$build/fake/libnvidia-ml.so.1" \
		LD_LIBRARY_PATH="$build/${shim:+$shim-}replacing" "$@" ;;
	esac
}

form_run()
{
	rm -f "$folder/gpu" "$folder/region"
	form_keep "$@"
}
